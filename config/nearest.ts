// Guesses what somebody meant to type.

/** Longest word that is guessed at; a typing error is not longer. */
const MAX_LENGTH = 80;

/**
 * The candidate that is nearest to a mistyped word, if one is near enough: a third of its letters wrong at most, or one is
 * the beginning of the other and more than half of it. Case does not count.
 */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  if (word.length > MAX_LENGTH) return undefined;
  const typed = word.toLowerCase();
  const ranked = [...candidates]
    .map((candidate) => ({ candidate, distance: editDistance(typed, candidate.toLowerCase()) }))
    .filter(({ candidate, distance }) => {
      return (
        distance <= Math.max(1, Math.floor(typed.length / 3)) || isBeginning(typed, candidate.toLowerCase())
      );
    })
    .sort((a, b) => a.distance - b.distance);
  return ranked[0]?.candidate;
}

function isBeginning(typed: string, candidate: string): boolean {
  if (!typed.startsWith(candidate) && !candidate.startsWith(typed)) return false;
  const [shorter, longer] = [typed.length, candidate.length].sort((a, b) => a - b);
  return (shorter ?? 0) * 2 > (longer ?? 0);
}

/** Levenshtein's distance: the least number of letters to insert, remove or replace. */
export function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [row, letter] of [...a].entries()) {
    const current = [row + 1];
    for (let column = 1; column <= b.length; column += 1) {
      const replaced = (previous[column - 1] ?? 0) + (letter === b[column - 1] ? 0 : 1);
      current.push(Math.min(replaced, (previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[b.length] ?? 0;
}
