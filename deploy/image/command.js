// The words that the container is started with, as the `registry` image takes them, in the words of our command line.
import { join } from 'node:path';

/** Where version 3 and version 2 of the `registry` image have their configuration, and ours. */
const CONFIGURATIONS = [
  '/etc/distribution/config.yml',
  '/etc/docker/registry/config.yml',
  join(import.meta.dirname, 'config.yml'),
];

/**
 * What `docker run berth <words>` means. A server, and a look at its configuration, get the first configuration that exists
 * unless the words or REGISTRY_CONFIGURATION_PATH name one.
 * @param {readonly string[]} words
 * @param {(path: string) => boolean} exists
 * @param {NodeJS.ProcessEnv} environment
 * @returns {readonly string[]} words of our command line
 */
export function commandOf(words, exists, environment = process.env) {
  const [first = 'serve', ...rest] = words;
  switch (first) {
    case 'registry':
    case 'berth':
    case '/bin/registry':
      return commandOf(rest, exists, environment);
    case 'serve':
    case 'check-config':
      return [first, ...withConfiguration(rest, exists, environment)];
    default:
      return /\.ya?ml$/.test(first) ? ['serve', ...words] : words;
  }
}

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
