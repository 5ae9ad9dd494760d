// The words that the container is started with, as the `registry` image takes them, in the words of our command line.
import { join } from 'node:path';

/** Where version 3 and version 2 of the `registry` image have their configuration, and ours. */
const CONFIGURATIONS = [
  '/etc/distribution/config.yml',
  '/etc/docker/registry/config.yml',
  join(import.meta.dirname, 'config.yml'),
];

/**
 * `run`: words for our command line. `answer` and `refusal`: what is printed instead, with 0 or 1 as the exit code.
 * @typedef {{ kind: 'run', words: readonly string[] } | { kind: 'answer', text: string } | { kind: 'refusal', text: string }} Command
 */

/**
 * What `docker run berth <words>` means. A server, and a look at its configuration, get the first configuration that exists
 * unless the words or REGISTRY_CONFIGURATION_PATH name one.
 * @param {readonly string[]} words
 * @param {(path: string) => boolean} exists
 * @param {NodeJS.ProcessEnv} environment
 * @returns {Command}
 */
export function commandOf(words, exists, environment = process.env) {
  const [first = 'serve', ...rest] = words;
  switch (first) {
    case 'registry':
    case 'berth':
    case '/bin/registry':
      return commandOf(rest, exists, environment);
    case '-v':
    case '--version':
    case 'version':
      return { kind: 'answer', text: 'berth VERSION' };
    case 'garbage-collect':
      return { kind: 'refusal', text: GARBAGE_COLLECT };
    case 'serve':
    case 'check-config':
      return { kind: 'run', words: [first, ...withConfiguration(rest, exists, environment)] };
    default:
      if (/\.ya?ml$/.test(first)) return { kind: 'run', words: ['serve', ...words] };
      return { kind: 'run', words };
  }
}

const GARBAGE_COLLECT =
  'garbage-collect is not offered yet; stop this container and run that of the registry image on the same volume';

/**
 * @param {readonly string[]} words
 * @param {(path: string) => boolean} exists
 * @param {NodeJS.ProcessEnv} environment
 * @returns {readonly string[]}
 */
function withConfiguration(words, exists, environment) {
  if (words.length > 0 || environment['REGISTRY_CONFIGURATION_PATH']) return words;
  const found = CONFIGURATIONS.find(exists);
  return found === undefined ? [] : [found];
}
