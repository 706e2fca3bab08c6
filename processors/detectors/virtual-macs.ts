/** MACs that several routers share by design (VRRP and CARP, RFC 5798; HSRP, RFC 2281; GLBP), told by how they begin. */

export interface VirtualMacs {
  has(mac: number): boolean;
}

/** @param texts MACs, or their first digits: "00:00:5e:00:01" */
export function macPrefixes(texts: readonly string[]): VirtualMacs {
  const prefixes = texts.map((text) => {
    const digits = text.replaceAll(':', '');
    return { prefix: Number.parseInt(digits, 16), unit: 2 ** (48 - 4 * digits.length) };
  });
  return { has: (mac) => prefixes.some(({ prefix, unit }) => Math.floor(mac / unit) === prefix) };
}
