/** The system's Chromium, and how it is started where nothing but our own pages is wanted. */
import { findTool } from '../support/requirement.js';

export function findChromium(): string | undefined {
  return findTool('chromium') ?? findTool('chromium-browser') ?? findTool('google-chrome');
}

/** Nothing but the pages that are opened: no update, no sync, no first-run traffic. */
export const CHROMIUM_ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
] as const;
