// Staged writes as files, but for those that came at once and are so few that the value may hold them: of these nothing is on the
// disk before the commit.
import { behind } from '../contents.ts';
import type { AppendOptions, ObjectContent, StagedWrite } from '../driver.ts';
import type { AtomicWrites, FileOptions } from './atomic-writes.ts';
import type { FileFacts } from './disk-thread.ts';
import { missing } from './errors.ts';
import { headOf } from './small-contents.ts';
import type { StagedFiles } from './staged-writes.ts';

/** All of these throw system errors, and MissingObject if bytes of the write are gone. */
export interface StagedObjects {
  append(write: StagedWrite, content: ObjectContent, options: AppendOptions): Promise<StagedWrite>;
  /** `path`: of the object. Resolves to what is known of its file, as `AtomicWrites` does. */
  commit(write: StagedWrite, path: string, options: CommitFileOptions): Promise<FileFacts | undefined>;
  abort(write: StagedWrite): Promise<void>;
  /** The bytes that the write holds itself, if it does. */
  held(write: StagedWrite): Uint8Array | undefined;
}

type CommitFileOptions = Pick<FileOptions, 'seal' | 'followers'>;

export interface StagedObjectsDependencies {
  readonly pathOf: (key: string) => string;
  readonly files: StagedFiles;
  readonly writes: AtomicWrites;
}

export function createStagedObjects({ pathOf, files, writes }: StagedObjectsDependencies): StagedObjects {
  return {
    held,

    async append(write, content, options) {
      const { key, size, holds = 0 } = write;
      const before = held(write);
      const whole = before === undefined ? content : behind(before, content);
      if (holds === 0 || (before === undefined && size > 0)) {
        const position = before === undefined ? size : 0;
        return { key, size: await files.append(pathOf(key), position, whole, options) };
      }
      const head = await headOf(whole);
      try {
        if (head.whole !== undefined && head.whole.length <= holds) {
          return { key, size: head.whole.length, holds, held: head.whole };
        }
        // Bytes of a broken attempt may be there: they are written over.
        const rest = head.rest ?? head.whole;
        return { key, size: await files.append(pathOf(key), 0, rest, options) };
      } finally {
        if (head.whole === undefined) await head.giveUp();
      }
    },

    async commit(write, path, options) {
      const bytes = held(write);
      if (bytes !== undefined) return writes.write(path, bytes, options);
      const { followers = [] } = options;
      await writes.writeBehind(files.commit(pathOf(write.key), write.size, path), followers);
      return undefined;
    },

    async abort(write) {
      if (write.held === undefined) await files.abort(pathOf(write.key));
    },
  };

  function held({ size, held }: StagedWrite): Uint8Array | undefined {
    if (held !== undefined && held.length !== size) throw missing();
    return held;
  }
}
