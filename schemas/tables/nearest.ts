/** "Did you mean": the known name nearest to a mistyped one. */

/** Insertions, deletions and substitutions between two strings, and swaps of neighbours (optimal string alignment). */
function editDistance(a: string, b: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      let best = Math.min(previous[j]! + 1, current[j - 1]! + 1, substitution);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        best = Math.min(best, beforePrevious[j - 2]! + 1);
      current.push(best);
    }
    beforePrevious = previous;
    previous = current;
  }
  return previous[b.length]!;
}

/** Longest name compared; a longer one is nobody's typing error, and the comparison costs the product of the lengths. */
const LONGEST_NAME = 40;

/** Null when nothing is near enough to be a slip of the fingers. */
export function nearestName(name: string, known: readonly string[]): string | null {
  if (name.length > LONGEST_NAME) return null;
  const wanted = name
    .toLowerCase()
    .replaceAll('-', '_')
    .replace(/^src(?=_|$)|^s(?=port$)/, 'source')
    .replace(/^dst(?=_|$)|^d(?=port$)/, 'destination')
    .replace(/(?<=^source|^destination)port$/, '_port');
  let best: string | null = null;
  let bestDistance = Math.max(2, Math.floor(wanted.length / 3)) + 1;
  for (const candidate of known) {
    const distance = candidate.startsWith(wanted) && wanted.length >= 3 ? 0.5 : editDistance(wanted, candidate);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}
