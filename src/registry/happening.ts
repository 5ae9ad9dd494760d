// What happens to the content of a repository, as far as others are told of it.
import type { Digest } from './digest.ts';
import type { RepositoryName } from './name.ts';
import type { Tag } from './reference.ts';

export type Happening =
  | {
      readonly action: 'push' | 'pull';
      readonly kind: 'manifest';
      readonly repository: RepositoryName;
      readonly digest: Digest;
      readonly bytes: Uint8Array;
      /** The tag that it came or went under. */
      readonly tag?: Tag;
    }
  | {
      readonly action: 'push' | 'pull' | 'mount';
      readonly kind: 'blob';
      readonly repository: RepositoryName;
      readonly digest: Digest;
      /** In bytes. */
      readonly size: number;
      /** Where it was mounted from, if the client said so. */
      readonly from?: RepositoryName;
    }
  | {
      readonly action: 'delete';
      readonly kind: 'link';
      readonly repository: RepositoryName;
      /** What was taken away: content, or a tag. */
      readonly what: { readonly digest: Digest } | { readonly tag: Tag };
    };

/** Who made it happen, and how. */
export interface Circumstances {
  /** Where the content can be had, if it still can: an absolute URL. */
  readonly url?: string;
  /** The name of the caller; empty for nobody in particular. */
  readonly actor: string;
  readonly request: {
    readonly id: string;
    readonly addr: string;
    readonly host: string;
    readonly method: string;
    readonly useragent: string;
  };
}
