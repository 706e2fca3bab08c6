/**
 * How much a fleet needs for so many packets a second: a model fitted to what the bench `cost` measured.
 *
 * The cost of a packet in a process is taken to be linear in the records that packets need:
 *
 *     µs a packet = µs of a packet + records a packet × µs of a record
 *
 * and records a packet to depend on how many packets a capture node sees within its flush interval: counted in the mix,
 * straight on logarithmic axes between the counted sizes.
 */

/** What all capture nodes of a paced case see together, packets/s. */
export const COST_PACKETS_PER_SECOND = 100_000;

export interface CostCase {
  readonly name: string;
  readonly nodes: number;
  /** At the speed of the capture, as live traffic comes; otherwise as fast as it goes. */
  readonly paced: boolean;
}

/** From the most packets a record to the fewest. */
export const COST_CASES: readonly CostCase[] = [
  { name: 'replay', nodes: 1, paced: false },
  { name: '1-node', nodes: 1, paced: true },
  { name: '4-nodes', nodes: 4, paced: true },
  { name: '16-nodes', nodes: 16, paced: true },
];

/** Packets within a flush interval for which the records they need are counted, fewest first. */
export const BLOCK_SIZES = [100, 1_000, 10_000, 65_536] as const;
/** `FLUSH_INTERVAL_MS` of the capture node. */
const FLUSH_SECONDS = 0.05;

/** What the model leaves to decide. */
export const SIZING_ASSUMPTIONS = {
  /** Packets/s of one capture node, at most. */
  nodePacketsPerSecond: 200_000,
  /** Share of a core that is planned with; the rest is for bursts and for catching up. */
  utilisation: 0.7,
  replicas: 3,
  brokersMin: 3,
  coresABroker: 8,
  /** What a broker writes, replicas included, bytes/s. */
  bytesABroker: 200e6,
} as const;

export const COST_PARTS = ['capture', 'kafka-write', 'kafka-read', 'process', 'sink', 'postgres'] as const;
export type CostPart = (typeof COST_PARTS)[number];

/** y = fixed + perRecord × records a packet. */
export interface Line {
  readonly fixed: number;
  readonly perRecord: number;
}

export interface SizingModel {
  /** µs of processor time a packet. */
  readonly cost: Readonly<Record<CostPart, Line>>;
  /** Bytes a packet on one replica. */
  readonly kafkaBytes: Line;
  /** Bytes a packet with indexes. */
  readonly postgresBytes: number;
  /** Records a packet by packets within a flush interval of a node, fewest first. */
  readonly records: readonly { readonly block: number; readonly recordsPerPacket: number }[];
  /** µs a packet of sink and Postgres when only packets of alerted sources are stored. */
  readonly storeAlerts: number;
}

export interface Sizing {
  readonly packetsPerSecond: number;
  readonly captureNodes: number;
  readonly packetsPerRecord: number;
  /** Cores at the planned utilisation. */
  readonly cores: {
    readonly capture: number;
    readonly kafka: number;
    readonly detection: number;
    readonly storeAll: number;
    readonly storeAlerts: number;
  };
  readonly brokers: number;
  /** All replicas, bytes a day. */
  readonly kafkaBytesADay: number;
  /** With every packet stored, bytes a day. */
  readonly postgresBytesADay: number;
}

/** A figure of a report by its name. @throws Error when it was not measured. */
export type FigureLookup = (name: string) => number;

export function fitSizing(figure: FigureLookup): SizingModel {
  const records = COST_CASES.map(({ name }) => figure(`cost-${name}-records`));
  const lineOf = (part: string): Line =>
    fitLine(COST_CASES.map(({ name }, index) => [records[index]!, figure(`cost-${name}-${part}`)] as const));
  return {
    cost: Object.fromEntries(COST_PARTS.map((part) => [part, lineOf(part)])) as Record<CostPart, Line>,
    kafkaBytes: lineOf('kafka-bytes'),
    postgresBytes: figure('whole-postgres-bytes'),
    records: BLOCK_SIZES.map((block) => ({ block, recordsPerPacket: figure(`cost-block-${block}-records`) })),
    storeAlerts: figure('whole-store-alerts-sink-cpu') + figure('whole-store-alerts-postgres-cpu'),
  };
}

/** Least squares; neither part is ever below 0, since no packet and no record gives time back. */
export function fitLine(points: readonly (readonly [x: number, y: number])[]): Line {
  const meanX = points.reduce((sum, [x]) => sum + x, 0) / points.length;
  const meanY = points.reduce((sum, [, y]) => sum + y, 0) / points.length;
  const varianceX = points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
  const covariance = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0);
  const slope = varianceX === 0 ? 0 : Math.max(0, covariance / varianceX);
  const fixed = meanY - slope * meanX;
  if (fixed >= 0) return { fixed, perRecord: slope };
  const squares = points.reduce((sum, [x]) => sum + x * x, 0);
  return { fixed: 0, perRecord: points.reduce((sum, [x, y]) => sum + x * y, 0) / squares };
}

/** What `packetsPerSecond` need. */
export function predict(model: SizingModel, packetsPerSecond: number): Sizing {
  const { nodePacketsPerSecond, utilisation, replicas, brokersMin, coresABroker, bytesABroker } = SIZING_ASSUMPTIONS;
  const captureNodes = Math.ceil(packetsPerSecond / nodePacketsPerSecond);
  const recordsPerPacket = recordsOf(model, (packetsPerSecond / captureNodes) * FLUSH_SECONDS);
  const at = ({ fixed, perRecord }: Line): number => fixed + perRecord * recordsPerPacket;
  const cores = (microsAPacket: number): number => (packetsPerSecond * microsAPacket) / 1e6 / utilisation;
  const { cost } = model;
  // A replica is fetched and written by the other brokers; two groups read each record, detection and storage.
  const kafka = cores(replicas * at(cost['kafka-write']) + 2 * at(cost['kafka-read']));
  const kafkaBytesASecond = packetsPerSecond * at(model.kafkaBytes) * replicas;
  return {
    packetsPerSecond,
    captureNodes,
    packetsPerRecord: 1 / recordsPerPacket,
    cores: {
      capture: cores(at(cost.capture)),
      kafka,
      detection: cores(at(cost.process)),
      storeAll: cores(at(cost.sink) + at(cost.postgres)),
      storeAlerts: cores(model.storeAlerts),
    },
    brokers: Math.max(brokersMin, Math.ceil(kafka / coresABroker), Math.ceil(kafkaBytesASecond / bytesABroker)),
    kafkaBytesADay: kafkaBytesASecond * 86_400,
    postgresBytesADay: packetsPerSecond * model.postgresBytes * 86_400,
  };
}

/** Between the measured points on logarithmic axes; beyond them as at the last one. */
function recordsOf({ records }: SizingModel, block: number): number {
  const above = records.findIndex((point) => point.block >= block);
  if (above === 0) return records[0]!.recordsPerPacket;
  if (above < 0) return records.at(-1)!.recordsPerPacket;
  const [low, high] = [records[above - 1]!, records[above]!];
  const share = Math.log(block / low.block) / Math.log(high.block / low.block);
  return low.recordsPerPacket * (high.recordsPerPacket / low.recordsPerPacket) ** share;
}
