/**
 * The system's libpcap, called through the npm addon koffi: what a capture loop needs of it, and of libc. Packets never
 * pass through JavaScript: libpcap's own `pcap_dump` is the callback of `pcap_dispatch` and writes them to a C stream.
 *
 * https://www.tcpdump.org/manpages/
 */
import { createRequire } from 'node:module';

/** A C pointer, as koffi hands it out. */
export type Pointer = object;

type NativeFunction<Arguments extends readonly unknown[], Result> = (...values: Arguments) => Result;

interface NativeLibrary {
  func<Arguments extends readonly unknown[], Result>(prototype: string): NativeFunction<Arguments, Result>;
  symbol(name: string, type: string): Pointer;
}

interface Koffi {
  load(name: string): NativeLibrary;
}

/** Debian's name, and everybody else's. */
const PCAP_LIBRARIES = ['libpcap.so.0.8', 'libpcap.so.1'];
/** glibc, musl. */
const C_LIBRARIES = ['libc.so.6', 'libc.musl-x86_64.so.1', 'libc.musl-aarch64.so.1'];

/** @throws Error when koffi or the libraries are not there. */
export function loadLibpcap() {
  const koffi = createRequire(import.meta.url)('koffi') as Koffi;
  const pcap = loadFirst(koffi, PCAP_LIBRARIES);
  const libc = loadFirst(koffi, C_LIBRARIES);
  const setter = (name: string) => pcap.func<[Pointer, number], number>(`int ${name}(void *, int)`);
  return {
    create: pcap.func<[string, Buffer], Pointer | null>('void *pcap_create(const char *, char *)'),
    setSnapLength: setter('pcap_set_snaplen'),
    setPromiscuous: setter('pcap_set_promisc'),
    setTimeout: setter('pcap_set_timeout'),
    setBufferSize: setter('pcap_set_buffer_size'),
    activate: pcap.func<[Pointer], number>('int pcap_activate(void *)'),
    /** Of the link types that the interface has; -1 where it has not that one. */
    setLinkType: setter('pcap_set_datalink'),
    /** What a status of `activate` means. */
    statusText: pcap.func<[number], string>('const char *pcap_statustostr(int)'),
    errorText: pcap.func<[Pointer], string>('const char *pcap_geterr(void *)'),
    /** A handle that captures nothing, to compile filters with: link type, snap length. */
    openDead: pcap.func<[number, number], Pointer | null>('void *pcap_open_dead(int, int)'),
    close: pcap.func<[Pointer], void>('void pcap_close(void *)'),
    freeProgram: pcap.func<[Buffer], void>('void pcap_freecode(uint8_t *)'),
    setNonBlocking: pcap.func<[Pointer, number, Buffer], number>('int pcap_setnonblock(void *, int, char *)'),
    compile: pcap.func<[Pointer, Buffer, string, number, number], number>(
      'int pcap_compile(void *, uint8_t *, const char *, int, uint32_t)',
    ),
    setFilter: pcap.func<[Pointer, Buffer], number>('int pcap_setfilter(void *, uint8_t *)'),
    descriptor: pcap.func<[Pointer], number>('int pcap_get_selectable_fd(void *)'),
    dispatch: pcap.func<[Pointer, number, Pointer, Pointer], number>('int pcap_dispatch(void *, int, void *, void *)'),
    /** struct pcap_stat: received, dropped by the kernel, dropped by the interface; unsigned int each. */
    statistics: pcap.func<[Pointer, Buffer], number>('int pcap_stats(void *, _Out_ uint8_t *)'),
    openDump: pcap.func<[Pointer, Pointer], Pointer | null>('void *pcap_dump_fopen(void *, void *)'),
    flushDump: pcap.func<[Pointer], number>('int pcap_dump_flush(void *)'),
    /** The callback for `dispatch`. */
    dumpFunction: pcap.symbol('pcap_dump', 'void *'),
    openStream: libc.func<[number, string], Pointer | null>('void *fdopen(int, const char *)'),
    setStreamBuffer: libc.func<[Pointer, null, number, number], number>('int setvbuf(void *, void *, int, size_t)'),
    /** struct pollfd: descriptor, events, returned events. */
    poll: libc.func<[Buffer, number, number], number>('int poll(_Inout_ uint8_t *, unsigned long, int)'),
  };
}

export type Libpcap = ReturnType<typeof loadLibpcap>;

function loadFirst(koffi: Koffi, names: readonly string[]): NativeLibrary {
  let reason: unknown;
  for (const name of names) {
    try {
      return koffi.load(name);
    } catch (error) {
      reason ??= error;
    }
  }
  throw reason;
}
