/** Metrics of `nta hunt`. */
import { Counter, Gauge, type Registry } from '../../runtime/process/metrics.js';
import type { AlertDocument } from '../../schemas/alerts/alert.js';

export class HuntMetrics {
  readonly runs: Counter<'result'>;
  readonly seconds: Gauge;
  readonly lastRun: Gauge;
  private readonly conversations: Counter;
  private readonly alerts: Counter<'rule' | 'action'>;

  constructor(registry: Registry) {
    const registers = [registry];
    this.runs = new Counter({
      name: 'nta_hunt_runs_total',
      help: 'hunts through stored conversations',
      labelNames: ['result'],
      registers,
    });
    this.seconds = new Gauge({ name: 'nta_hunt_seconds', help: 'how long the last hunt took', registers });
    this.lastRun = new Gauge({
      name: 'nta_hunt_last_success_timestamp_seconds',
      help: 'when a hunt last came to its end',
      registers,
    });
    this.conversations = new Counter({
      name: 'nta_hunt_conversations_total',
      help: 'conversations that hunts looked at, beyond what Postgres had left out',
      registers,
    });
    this.alerts = new Counter({
      name: 'nta_hunt_alerts_total',
      help: 'alert events published by hunts',
      labelNames: ['rule', 'action'],
      registers,
    });
  }

  took(conversations: number, events: readonly AlertDocument[]): void {
    this.conversations.inc(conversations);
    for (const { rule, event } of events) this.alerts.inc({ rule: rule.id, action: event.action });
  }
}
