/** The address space that a capture node looks into, for branches that use the same private addresses. */
import { defineOptions } from '../runtime/process/options.js';

export const SITE_OPTION = defineOptions({
  site: {
    kind: 'string',
    env: 'NTA_SITE',
    default: '',
    placeholder: '<name>',
    pattern: { test: /^[\x21-\x7e]{1,64}$/, description: 'one to 64 printable characters without spaces' },
    help: 'address space that the node looks into: the same address at two sites is two hosts',
  },
}).site;
