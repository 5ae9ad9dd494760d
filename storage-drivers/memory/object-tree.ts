// Objects by key, as a tree of prefixes in which no prefix is empty and no key is both an object and a prefix.
import type { ListEntry } from '../driver.ts';

export interface StoredObject {
  readonly content: Uint8Array;
  readonly version: string;
  readonly modifiedAt: Date;
  readonly seal?: string;
}

type Prefix = Map<string, Prefix | StoredObject>;

export interface ObjectTree {
  find(key: string): StoredObject | undefined;
  /** False if the key is a prefix, or lies below an object: nothing was stored then. */
  put(key: string, object: StoredObject): boolean;
  /** Removes the object or the prefix, and the prefixes above it that have nothing left. */
  remove(key: string): void;
  /** The names directly below a prefix, sorted bytewise. */
  entries(prefix: string): ListEntry[];
}

export function createObjectTree(): ObjectTree {
  const root: Prefix = new Map();

  return {
    find(key) {
      const node = nodeAt(key);
      return node instanceof Map ? undefined : node;
    },

    put(key, object) {
      const segments = key.split('/');
      const last = segments.pop() ?? '';
      if (nodeAt(key) instanceof Map) return false;
      if (segments.some((_, index) => isObject(nodeAt(segments.slice(0, index + 1).join('/'))))) return false;
      let prefix = root;
      for (const segment of segments) {
        const next = prefix.get(segment);
        const child: Prefix = next instanceof Map ? next : new Map();
        prefix.set(segment, child);
        prefix = child;
      }
      prefix.set(last, object);
      return true;
    },

    remove(key) {
      const segments = key.split('/');
      for (let length = segments.length; length > 0; length -= 1) {
        const parent = nodeAt(segments.slice(0, length - 1).join('/'));
        if (!(parent instanceof Map)) continue;
        parent.delete(segments[length - 1] ?? '');
        if (parent.size > 0) return;
      }
    },

    entries(prefix) {
      const node = nodeAt(prefix);
      if (!(node instanceof Map)) return [];
      return [...node]
        .map(([name, child]): ListEntry => ({ name, kind: child instanceof Map ? 'prefix' : 'object' }))
        .sort((left, right) => (left.name < right.name ? -1 : 1));
    },
  };

  function nodeAt(key: string): Prefix | StoredObject | undefined {
    if (key === '') return root;
    let node: Prefix | StoredObject | undefined = root;
    for (const segment of key.split('/')) {
      if (!(node instanceof Map)) return undefined;
      node = node.get(segment);
    }
    return node;
  }
}

function isObject(node: Prefix | StoredObject | undefined): node is StoredObject {
  return node !== undefined && !(node instanceof Map);
}
