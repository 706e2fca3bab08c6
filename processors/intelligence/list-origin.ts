/** What `--threat-intel` names: a file, or an address. */
export const isUrl = (origin: string): boolean => /^https?:\/\//i.test(origin);
