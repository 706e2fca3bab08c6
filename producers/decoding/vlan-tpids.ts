/** The setting `--vlan-tpids` of every command that decodes: EtherTypes of VLAN tags that no standard names. */

export const VLAN_TPIDS_OPTION = {
  kind: 'string',
  env: 'NTA_VLAN_TPIDS',
  default: '',
  placeholder: '<0x….,…>',
  pattern: {
    test: /^0x[0-9a-f]{4}(,0x[0-9a-f]{4}){0,7}$/i,
    description: 'up to eight EtherTypes of four hexadecimal digits with commas between them, such as 0x9101,0xa0a0',
  },
  help: 'EtherTypes of VLAN tags beside 0x8100, 0x88a8, 0x8200, 0x9100, 0x9200 and 0x9300',
} as const;

/** What the setting names; it was checked when it was read. */
export function parseVlanTpids(setting: string): number[] {
  return setting === '' ? [] : setting.split(',').map(Number);
}
