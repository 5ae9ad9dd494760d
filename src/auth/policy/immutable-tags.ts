// Tags that stay what they are once they are there.
import { ANONYMOUS } from '../caller.ts';
import { parseTagPattern, type RepositoryPattern, type TextPattern, USER } from './patterns.ts';
import type { Reader } from './reader.ts';
import { readRepositories } from './rule.ts';

export interface ImmutableTags {
  readonly repositories: readonly RepositoryPattern[];
  readonly tags: readonly TextPattern[];
  /** Tags that may move all the same. */
  readonly except: readonly TextPattern[];
}

const KEYS = ['repositories', 'tags', 'except'] as const;

/** Reads one entry of `immutabletags` and notes its problems. */
export function readImmutableTags(reader: Reader, value: unknown, path: string): ImmutableTags | undefined {
  const settings = reader.readMap(value, path, KEYS);
  if (settings === undefined) return undefined;
  const repositories = readRepositories(reader, settings.repositories, `${path}.repositories`);
  if (repositories.some(({ isPersonal }) => isPersonal))
    reader.refuse(`${path}.repositories`, `must mean the same for everybody: no ${USER} here`);
  const tags = readTags(reader, settings.tags, `${path}.tags`);
  const except = settings.except === undefined ? [] : readTags(reader, settings.except, `${path}.except`);
  return { repositories, tags, except };
}

export function coversTag(entry: ImmutableTags, repository: string, tag: string): boolean {
  if (!entry.tags.some((matches) => matches(tag)) || entry.except.some((matches) => matches(tag)))
    return false;
  return entry.repositories.some((pattern) => pattern.matches(repository, ANONYMOUS));
}

function readTags(reader: Reader, value: unknown, path: string): readonly TextPattern[] {
  return reader.readTexts(value, path).flatMap(({ text, path: place }) => {
    const pattern = parseTagPattern(text);
    if (pattern.ok) return [pattern.value];
    reader.refuse(place, pattern.problem);
    return [];
  });
}
