import { expect, test } from '@jest/globals'
import { createIsPublic } from '../../../../ingress/verify/outbound/public-address.ts'

const isPublic = createIsPublic()

test.each(
  (
    '1.1.1.1 172.32.0.1 100.63.255.255 192.0.1.1 223.255.255.255 2606:4700::1111 2a00:1450:4001::5e 2001:200::1 ' +
    // IPv4 from a network of IPv6 alone, and as the system writes it.
    '64:ff9b::101:101 64:ff9b::1.1.1.1 ::ffff:1.1.1.1 ::ffff:808:808'
  ).split(' '),
)('%s is public', (address) => {
  expect(isPublic(address)).toBe(true)
})

test.each(
  (
    '0.0.0.0 10.0.0.1 100.64.0.1 127.0.0.1 169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.1 192.0.2.1 192.88.99.1 192.168.0.1 198.18.0.1 ' +
    '198.51.100.1 203.0.113.1 224.0.0.1 240.0.0.1 255.255.255.255 ' +
    ':: ::1 ::7f00:1 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:a00:1 0:0:0:0:0:ffff:0a00:0001 ::ffff:0:a00:1 ::ffff:0:0:a00:1 ' +
    '64:ff9b::a9fe:a9fe 64:ff9b::10.0.0.1 64:ff9b::1 64:ff9b:1::a00:1 64:ff9b:0:0:1::1 100::1 100:0:0:1::1 ' +
    '2001::1 2001:0:a00:1:: 2001:2::1 2001:10::1 2001:20::1 2001:db8::1 2002:7f00:1:: 2002:a9fe:a9fe::1 3fff::1 4000::1 5f00::1 ' +
    'fc00::1 fd00::1 fe80::1 fe80::1%eth0 fec0::1 ff02::1'
  ).split(' '),
)('%s is not', (address) => {
  expect(isPublic(address)).toBe(false)
})

test.each(['', 'localhost', 'example.com', '127.1', '0x7f000001', '2130706433', '[::1]', '2606:4700::1111]'])(
  '%j is no address, and so not public',
  (text) => {
    expect(isPublic(text)).toBe(false)
  },
)
