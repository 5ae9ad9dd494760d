#!/bin/sh
# Installs node_modules by package-lock.json when they are absent or belong to another lock file; otherwise does nothing.
# npm runs it before `npm start` and `npm test`, so that each of them works as the first command in a fresh clone.
set -u
cd "$(dirname "$0")/.." || exit 1

# A copy of the lock file that node_modules were last found to agree with. Time stamps say little: a checkout touches
# the lock file without changing it, and a copied tree may have any.
agreed=node_modules/.agreed-package-lock.json
runtime=node_modules/.bin/node

[ -x "$runtime" ] && cmp -s package-lock.json "$agreed" && exit 0

say() {
  printf 'berth: %s\n' "$*" >&2
}

# The npm and the Node that started this script: the first `node` and `npm` on the PATH of an npm script may be the very
# ones inside node_modules that `npm ci` removes first.
run_npm() {
  case ${npm_execpath:-} in
    *npm-cli.js) "${npm_node_execpath:-node}" "$npm_execpath" "$@" ;;
    *) npm "$@" ;;
  esac
}

run_node() {
  "${npm_node_execpath:-node}" "$@"
}

# True if what npm wrote down when it installed is what the lock file asks for, and is really there (npm also writes it down
# after `npm install --package-lock-only`). Packages for other platforms are not installed and may be missing.
agrees_with_lock() {
  [ -x "$runtime" ] && [ -f node_modules/.package-lock.json ] && run_node -e '
    const { existsSync, readFileSync } = require("node:fs");
    const read = (file) => JSON.parse(readFileSync(file, "utf8"));
    const wanted = read("package-lock.json").packages;
    const noted = read("node_modules/.package-lock.json").packages;
    const isNoted = ([path, entry]) => {
      const note = noted[path];
      if (path === "" || note === undefined) return path === "" || entry.optional === true;
      return ["version", "integrity", "resolved"].every((key) => note[key] === entry[key]);
    };
    const isThere = ([path, entry]) =>
      entry.link ? existsSync(path) : read(`${path}/package.json`).version === entry.version;
    const agrees = Object.entries(wanted).every(isNoted) && Object.entries(noted).every(isThere)
      && Object.keys(noted).every((path) => path in wanted);
    process.exit(agrees ? 0 : 1);
  ' 2>/dev/null
}

runtime_works() {
  [ -x "$runtime" ] && "$runtime" -e '
    const wanted = (require("./package.json").engines?.node ?? "").match(/(\d+)(?:\.(\d+))?/) ?? [];
    const [major, minor] = process.versions.node.split(".").map(Number);
    const [, wantedMajor = 0, wantedMinor = 0] = wanted.map(Number);
    process.exit(major > wantedMajor || (major === wantedMajor && minor >= wantedMinor) ? 0 : 1);
  ' 2>/dev/null
}

if ! command -v "${npm_node_execpath:-npm}" >/dev/null 2>&1; then
  say 'npm is missing. On Debian: apt-get install npm'
  exit 1
fi

if ! agrees_with_lock; then
  say 'installing the packages of package-lock.json (npm ci)'
  # Settings of the outer npm arrive as npm_config_* variables; these would make `npm ci` do something else.
  unset npm_config_global npm_config_location npm_config_dry_run npm_config_omit npm_config_only \
    npm_config_production npm_config_workspace npm_config_workspaces npm_config_package_lock_only
  if ! NODE_ENV='' run_npm ci --include=dev --no-audit --no-fund --loglevel=error >&2; then
    say 'npm ci failed; its message is above. Without the packages nothing can run.'
    say 'Behind a proxy set HTTPS_PROXY or `npm config set registry ...`, then try again.'
    exit 1
  fi
fi

if ! runtime_works; then
  say "the npm package \"node\" did not bring a Node that this project can run on ($runtime)."
  say 'Probably npm is told not to run install scripts (ignore-scripts). Run'
  say '  npm rebuild node --ignore-scripts=false --foreground-scripts'
  say 'and try again.'
  exit 1
fi

cp package-lock.json "$agreed"
