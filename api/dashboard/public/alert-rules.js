/** The built-in detections, for the filter of alerts. */
export const ALERT_RULES = [
  { value: '', label: 'all' },
  { value: 'port-scan', label: 'Port scan' },
  { value: 'syn-flood', label: 'SYN flood' },
  { value: 'brute-force', label: 'Brute force' },
  { value: 'arp-spoofing', label: 'ARP spoofing' },
];

export const SEVERITIES = [
  { value: '', label: 'all' },
  { value: '2', label: 'low and above' },
  { value: '3', label: 'medium and above' },
  { value: '4', label: 'high and above' },
  { value: '5', label: 'critical' },
];
