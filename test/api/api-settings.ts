/** Settings of an API of a test: the defaults, a free port, a token, and where that may be, reads without it. */
import { type ApiSettings, apiOptions } from '../../api/settings.js';
import { isLoopbackHost } from '../../runtime/process/loopback.js';
import { readSettings } from '../../runtime/process/options.js';

export const TOKEN = 'a-token-of-the-tests-0123456789';

export function apiSettings(changes: Partial<ApiSettings> = {}): ApiSettings {
  const settings = { ...(readSettings(apiOptions, {}, {}) as ApiSettings), apiPort: 0, apiToken: TOKEN, ...changes };
  return { ...settings, apiOpenReads: changes.apiOpenReads ?? isLoopbackHost(settings.apiHost) };
}
