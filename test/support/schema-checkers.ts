// Programs that carry the schemas of others inside them, so that files for others can be checked without a network: workflows of
// GitHub, jobs of GitLab, compose files (check-jsonschema), and Kubernetes (kubernetes-validate). Both come from PyPI, once.
import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { CommandFailed, runCommand } from './command.ts';

export const SCHEMAS = ['github-workflows', 'gitlab-ci', 'compose-spec', 'kubernetes'] as const;
export type Schema = (typeof SCHEMAS)[number];

export interface SchemaCheckers {
  /** Throws CommandFailed, with what is wrong, if the file is not as its schema says. */
  check(
    schema: 'github-workflows' | 'gitlab-ci' | 'compose-spec' | 'kubernetes',
    file: string,
  ): Promise<void>;
}

const PACKAGES = ['check-jsonschema==0.39.0', 'kubernetes-validate==1.37.0'];
const place = join(import.meta.dirname, '../../node_modules/.cache/schema-checkers');

/** Installs them beside the other packages if they are not there. Resolves to why they cannot be had, in words for `skip`, if so. */
export async function openSchemaCheckers(): Promise<SchemaCheckers | string> {
  if (!existsSync(place)) {
    const problem = await install();
    if (problem !== undefined) return problem;
  }
  const environment = { PYTHONPATH: place };
  return {
    async check(schema, file) {
      const checker =
        schema === 'kubernetes'
          ? ['kubernetes_validate', '--strict']
          : ['check_jsonschema', '--builtin-schema', schema];
      await runCommand(['python3', '-m', ...checker, file], { environment });
    },
  };
}

async function install(): Promise<string | undefined> {
  const unfinished = `${place}.${process.pid}`;
  const pip = ['python3', '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-compile'];
  try {
    await mkdir(unfinished, { recursive: true });
    await runCommand([...pip, '--target', unfinished, ...PACKAGES]);
    await rename(unfinished, place);
    return undefined;
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true });
    if (error instanceof CommandFailed || isMissingProgram(error))
      return `pip cannot install ${PACKAGES.join(' and ')} here`;
    throw error;
  }
}

function isMissingProgram(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
