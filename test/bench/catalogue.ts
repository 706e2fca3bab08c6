/** The benches, in the order in which they run. A new one is a file in `benches/` and a line here. */
import type { Bench } from './bench.js';
import { analyze } from './benches/analyze.js';
import { codec } from './benches/codec.js';
import { cost } from './benches/cost.js';
import { decode } from './benches/decode.js';
import { detect } from './benches/detect.js';
import { inputs } from './benches/inputs.js';
import { latency } from './benches/latency.js';
import { latencyDashboard } from './benches/latency-dashboard.js';
import { latencyFlood } from './benches/latency-flood.js';
import { latencyWebhook } from './benches/latency-webhook.js';
import { live } from './benches/live.js';
import { memory } from './benches/memory.js';
import { publish } from './benches/publish.js';
import { query } from './benches/query.js';
import { recovery } from './benches/recovery.js';
import { scaling } from './benches/scaling.js';
import { store } from './benches/store.js';
import { whole } from './benches/whole.js';
import { workplace } from './benches/workplace.js';

export const BENCHES: readonly Bench[] = [
  inputs,
  decode,
  analyze,
  codec,
  publish,
  detect,
  store,
  whole,
  latency,
  latencyFlood,
  latencyWebhook,
  latencyDashboard,
  live,
  memory,
  recovery,
  query,
  workplace,
  scaling,
  cost,
];
