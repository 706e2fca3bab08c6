/** What parties are known by. Pure. */

const MAC = /^([\da-f]{2}:){5}[\da-f]{2}$/i;

/** Whether it is an IP address, which pages of hosts and searches take: a MAC address or a name is none. */
export const isIpAddress = (text: string): boolean => /^[\d.]+$|:.*:/.test(text) && !MAC.test(text);
