/** Names and tactics of the MITRE ATT&CK techniques that the built-in detections name (Enterprise v17). */

interface Technique {
  readonly name: string;
  readonly tactic: string;
}

const TECHNIQUES: Readonly<Record<string, Technique>> = {
  T1016: { name: 'System Network Configuration Discovery', tactic: 'Discovery' },
  T1018: { name: 'Remote System Discovery', tactic: 'Discovery' },
  T1021: { name: 'Remote Services', tactic: 'Lateral Movement' },
  T1029: { name: 'Scheduled Transfer', tactic: 'Exfiltration' },
  T1046: { name: 'Network Service Discovery', tactic: 'Discovery' },
  T1048: { name: 'Exfiltration Over Alternative Protocol', tactic: 'Exfiltration' },
  'T1048.003': { name: 'Exfiltration Over Unencrypted Non-C2 Protocol', tactic: 'Exfiltration' },
  T1071: { name: 'Application Layer Protocol', tactic: 'Command and Control' },
  'T1071.004': { name: 'Application Layer Protocol: DNS', tactic: 'Command and Control' },
  T1095: { name: 'Non-Application Layer Protocol', tactic: 'Command and Control' },
  T1110: { name: 'Brute Force', tactic: 'Credential Access' },
  'T1110.001': { name: 'Password Guessing', tactic: 'Credential Access' },
  'T1110.003': { name: 'Password Spraying', tactic: 'Credential Access' },
  'T1498.001': { name: 'Direct Network Flood', tactic: 'Impact' },
  'T1498.002': { name: 'Reflection Amplification', tactic: 'Impact' },
  'T1499.001': { name: 'OS Exhaustion Flood', tactic: 'Impact' },
  'T1499.002': { name: 'Service Exhaustion Flood', tactic: 'Impact' },
  T1557: { name: 'Adversary-in-the-Middle', tactic: 'Credential Access' },
  'T1557.002': { name: 'ARP Cache Poisoning', tactic: 'Credential Access' },
  'T1557.003': { name: 'DHCP Spoofing', tactic: 'Credential Access' },
  'T1568.002': { name: 'Domain Generation Algorithms', tactic: 'Command and Control' },
  T1592: { name: 'Gather Victim Host Information', tactic: 'Reconnaissance' },
};

/** Of one that is not known here the number alone. */
export const techniqueOf = (id: string): Technique & { readonly id: string } => ({
  id,
  ...(TECHNIQUES[id] ?? { name: '', tactic: 'Other' }),
});
