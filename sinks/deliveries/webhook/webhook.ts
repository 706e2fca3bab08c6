/**
 * Alerts to a webhook: headers and signature are those of Standard Webhooks 1.0.0 (https://www.standardwebhooks.com), the body is
 * the record as it was published.
 */
import { defineOutput } from '../output.js';
import { readEndpoint, webhookOptions } from './options.js';
import { WebhookReceiver } from './receiver.js';

export const webhook = defineOutput({
  name: 'webhook',
  summary: 'POST alerts to a webhook (Standard Webhooks)',
  options: webhookOptions,
  addressOf: ({ webhookUrl }) => (webhookUrl === '' ? null : new URL(webhookUrl).origin),
  open: (settings, { timeoutMs, warn }) => new WebhookReceiver(readEndpoint(settings, warn), timeoutMs),
});
