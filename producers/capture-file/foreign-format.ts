/** Captures of other programs and packed captures, told by their first bytes so that the message can name the remedy. */

interface ForeignFormat {
  readonly magic: Uint8Array;
  readonly name: string;
  readonly remedy: string;
}

const CONVERT = 'convert it with: editcap -F pcapng FILE OUTPUT';

const FORMATS: readonly ForeignFormat[] = [
  { magic: Buffer.from('snoop\0\0\0'), name: 'a Solaris snoop capture', remedy: CONVERT },
  { magic: Buffer.from('GMBU'), name: 'a Microsoft Network Monitor capture', remedy: CONVERT },
  { magic: Buffer.from('RTSS'), name: 'a Microsoft Network Monitor 1 capture', remedy: CONVERT },
  { magic: Buffer.from('XCP\0'), name: 'a NetXRay or Windows Sniffer capture', remedy: CONVERT },
  { magic: Buffer.from('TRSNIFF data'), name: 'a DOS Sniffer capture', remedy: CONVERT },
  { magic: Buffer.from('btsnoop\0'), name: 'a Bluetooth capture', remedy: 'only network captures can be read' },
  { magic: Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a]), name: 'compressed with xz', remedy: 'unpack it with: xz -d' },
  { magic: Buffer.from('BZh'), name: 'compressed with bzip2', remedy: 'unpack it with: bzip2 -d' },
  { magic: Buffer.from([0x04, 0x22, 0x4d, 0x18]), name: 'compressed with lz4', remedy: 'unpack it with: lz4 -d' },
  { magic: Buffer.from('PK\x03\x04'), name: 'a zip archive', remedy: 'unpack it with: unzip' },
  { magic: Buffer.from([0x37, 0x7a, 0xbc, 0xaf]), name: 'a 7-Zip archive', remedy: 'unpack it with: 7z x' },
];

/** One line that names the format and the remedy; null when it is none of the known ones. */
export function foreignFormat(bytes: Uint8Array): string | null {
  for (const format of FORMATS) {
    if (Buffer.compare(bytes.subarray(0, format.magic.length), format.magic) === 0) {
      return `not pcap or pcapng: it is ${format.name}; ${format.remedy}`;
    }
  }
  return null;
}
