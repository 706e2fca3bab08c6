import { describe, expect, it, test } from 'vitest';
import { AssetList } from '../../../api/enrichment/asset-list.js';
import { vendorOf } from '../../../api/enrichment/mac-vendors.js';

const LIST = `\ufeffaddress,name,site
10.0.0.5,printer-2,
# a comment
10.0.0.0/8,campus,
10.2.0.0/16,"warehouse, north",branch-7
10.2.0.9,scale,branch-7
192.168.1.1,router-a,branch-1
192.168.1.1,router-b,branch-2
2001:db8::/32,lab
::ffff:10.9.9.9,mapped
`;

describe('AssetList', () => {
  const assets = AssetList.parse(LIST);

  it.each([
    ['10.0.0.5', '', 'printer-2'],
    ['10.0.0.6', 'anywhere', 'campus'],
    ['10.2.0.1', 'branch-7', 'warehouse, north'],
    ['10.2.0.9', 'branch-7', 'scale'],
    ['10.2.0.9', 'branch-1', 'campus'],
    ['10.2.0.9', null, 'scale'],
    ['192.168.1.1', 'branch-2', 'router-b'],
    ['192.168.1.1', null, null],
    ['2001:db8::7', '', 'lab'],
    ['2001:db9::7', '', null],
    ['10.9.9.9', '', 'mapped'],
    ['172.16.0.1', '', null],
  ])('calls %s at "%s" %s', (address, site, name) => {
    expect(assets.find(address, site)).toBe(name);
  });

  it.each([
    ['name,place\n', /first line/],
    ['address,name\nnowhere,x\n10.0.0.1,\n', /line 2: "nowhere" is no IP address.*; line 3: name: must have/],
    ['address,name\n"10.0.0.1,x\n', /./],
    ['', /./],
  ])('refuses %j', (text, reason) => {
    if (text === '') expect(AssetList.parse(text).find('10.0.0.1', '')).toBeNull();
    else expect(() => AssetList.parse(text)).toThrow(reason);
  });
});

test('makers of cards, but not of addresses that a system made up', () => {
  expect(vendorOf('00:00:01:02:03:04')).toBe('XEROX CORPORATION');
  expect(vendorOf('B8-27-EB-00-00-01')).toMatch(/Raspberry Pi/);
  expect(vendorOf('02:00:5e:10:00:01')).toBeNull();
  expect(vendorOf('ff:ff:ff:ff:ff:ff')).toBeNull();
});
