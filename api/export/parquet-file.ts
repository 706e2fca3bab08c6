/**
 * A Parquet file (https://parquet.apache.org/docs/file-format/) of the rows of a query, a row group at a time: what is in memory is
 * one group and the footer's few hundred bytes a group and column.
 */
import type { SchemaElement } from 'hyparquet';
import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import pg from 'pg';

/** Large enough for readers to skip by, small enough to hold: 270 MB resident, for 200,000 packets as for 600,000. */
const GROUP_ROWS = 50_000;

/** Of a row, as `parquetTypes` parses it. */
export type ParquetValue = string | number | bigint | null | object;

export interface ParquetColumn {
  readonly name: string;
  /** Oid of the type in Postgres. */
  readonly dataTypeID: number;
}

const { INT2, INT4, INT8, TIMESTAMPTZ, JSONB } = pg.types.builtins;
const TEXT_ARRAY = 1009;

/** For the query that reads the rows (`types`, rows as arrays): 64-bit integers and µs whole, addresses as text. */
export const parquetTypes: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number) => {
    switch (oid) {
      case INT2:
      case INT4:
        return Number;
      case INT8:
        return BigInt;
      case TIMESTAMPTZ:
        return parseMicros;
      case JSONB:
        return JSON.parse;
      case TEXT_ARRAY:
        return pg.types.getTypeParser(TEXT_ARRAY as number, 'text');
      default:
        return (text: string) => text;
    }
  }) as typeof pg.types.getTypeParser,
};

/** A time as Postgres writes it under DateStyle ISO and time zone UTC, in µs since 1970; null for an infinite one. */
export function parseMicros(text: string): bigint | null {
  const parts = /^(\d+)-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?\+00( BC)?$/.exec(text);
  if (parts === null) return null;
  const [year, month, day, hours, minutes, seconds] = parts.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const date = new Date(0);
  // Date.UTC would take the years 0 to 99 for those of the 20th century.
  date.setUTCFullYear(parts[8] === undefined ? year : 1 - year, month - 1, day);
  date.setUTCHours(hours, minutes, seconds);
  return BigInt(date.getTime()) * 1000n + BigInt((parts[7] ?? '').padEnd(6, '0'));
}

function columnSchema({ name, dataTypeID }: ParquetColumn): SchemaElement[] {
  const repetition_type = 'OPTIONAL';
  switch (dataTypeID) {
    case INT2:
    case INT4:
      return [{ name, repetition_type, type: 'INT32' }];
    case INT8:
      return [{ name, repetition_type, type: 'INT64' }];
    case TIMESTAMPTZ: {
      const logical_type = { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MICROS' } as const;
      return [{ name, repetition_type, type: 'INT64', converted_type: 'TIMESTAMP_MICROS', logical_type }];
    }
    case JSONB:
      return [{ name, repetition_type, type: 'BYTE_ARRAY', converted_type: 'JSON' }];
    case TEXT_ARRAY:
      return [
        { name, repetition_type, converted_type: 'LIST', num_children: 1 },
        { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
        { name: 'element', repetition_type, type: 'BYTE_ARRAY', converted_type: 'UTF8' },
      ];
    default:
      return [{ name, repetition_type, type: 'BYTE_ARRAY', converted_type: 'UTF8' }];
  }
}

export class ParquetFile {
  private readonly writer = new ByteWriter();
  private readonly file: ParquetWriter;
  private readonly group: ParquetValue[][];

  /** @param write resolves when more may be written. */
  constructor(
    private readonly columns: readonly ParquetColumn[],
    private readonly write: (bytes: Buffer) => Promise<void>,
  ) {
    const root: SchemaElement = { name: 'root', num_children: columns.length };
    this.file = new ParquetWriter({
      writer: this.writer,
      schema: [root, ...columns.flatMap(columnSchema)],
      createdBy: 'nta',
    });
    this.group = columns.map(() => []);
  }

  /** Values in the order of the columns. */
  async append(rows: readonly (readonly ParquetValue[])[]): Promise<void> {
    for (const row of rows) {
      for (let i = 0; i < this.group.length; i++) this.group[i]!.push(row[i]!);
      if (this.group[0]!.length === GROUP_ROWS) await this.endGroup();
    }
  }

  /** Writes what is left and the footer; without it the file cannot be read. */
  async finish(): Promise<void> {
    await this.endGroup();
    await this.file.finish();
    await this.drain();
  }

  private async endGroup(): Promise<void> {
    if (this.group[0]!.length === 0) return;
    const columnData = this.columns.map(({ name }, i) => ({ name, data: this.group[i]!, offsetIndex: false }));
    await this.file.write({ columnData, rowGroupSize: GROUP_ROWS });
    for (const values of this.group) values.length = 0;
    await this.drain();
  }

  /** The writer's buffer is used again, so its bytes are copied. */
  private async drain(): Promise<void> {
    const bytes = Buffer.from(this.writer.getBytes());
    this.writer.index = 0;
    await this.write(bytes);
  }
}
