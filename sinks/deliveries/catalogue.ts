/** The outputs that alerts can be delivered to, a line each. */
import type { AlertOutput } from './output.js';
import { syslog } from './syslog/syslog.js';
import { webhook } from './webhook/webhook.js';

export const ALERT_OUTPUTS: readonly AlertOutput[] = [webhook, syslog];
