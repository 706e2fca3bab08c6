/** The balance of a capture as text: what was seen, and where every packet of it went. */
import type { CaptureBalance } from '../../producers/balance.js';

/** "1,234,567"; not by toLocaleString, whose first call takes 25 ms. */
export function formatCount(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** "seen 1,000 = published 990 + kernel_dropped 10". */
export function formatBalance(balance: CaptureBalance): string {
  const parts = Object.entries(balance.dropped)
    .filter(([, count]) => count > 0)
    .map(([reason, count]) => ` + ${reason} ${formatCount(count)}`);
  return `seen ${formatCount(balance.seen)} = published ${formatCount(balance.published)}${parts.join('')}`;
}
