/** What the page says about itself: whether it is live, and what went wrong. */
import { byId } from './elements.js';
import { formatAge, formatTime } from './format.js';

/** Data older than this, while the dashboard runs, is called stale. */
const STALE_MS = 10_000;

let noticeUntil = 0;

/**
 * The empty text takes the notice away.
 *
 * @param {string} text
 * @param {number} [milliseconds] for which it stays although a refresh succeeds
 */
export function showNotice(text, milliseconds = 0) {
  if (text === '' && Date.now() < noticeUntil) return;
  noticeUntil = Date.now() + milliseconds;
  const notice = byId('notice');
  notice.hidden = text === '';
  if (notice.textContent !== text) notice.textContent = text;
}

/** @param {{ failures: number, loadedAt: number, paused: boolean }} progress `loadedAt` 0 before the first answer */
export function showLiveness({ failures, loadedAt, paused }) {
  const [name, text] = liveness(failures, loadedAt, paused);
  byId('live').dataset.state = name;
  // Only a change is announced by a screen reader.
  if (byId('live-text').textContent !== text) byId('live-text').textContent = text;
}

/** @param {number} failures @param {number} loadedAt @param {boolean} paused @returns {[string, string]} */
function liveness(failures, loadedAt, paused) {
  const age = Date.now() - loadedAt;
  if (failures > 0) return ['away', loadedAt === 0 ? 'No data yet' : `No answer for ${formatAge(age)}`];
  if (loadedAt === 0) return ['waiting', 'Connecting…'];
  if (paused) return ['paused', `Paused at ${formatTime(new Date(loadedAt).toISOString())}`];
  return age > STALE_MS ? ['stale', `Stale: ${formatAge(age)} old`] : ['live', 'Live'];
}
