/**
 * For an LRUCache of up to `count` entries. With `max`, lru-cache takes memory for as many when it is made: of all that a server may
 * come to remember that is megabytes, and milliseconds of its start.
 */
export function atMost(count: number): { readonly maxSize: number; readonly sizeCalculation: () => number } {
  return { maxSize: count, sizeCalculation: () => 1 };
}
