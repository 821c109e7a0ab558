import { describe, expect, test } from 'bun:test'
import { createClientAddress, rateKey } from '../../src/http/proxy.ts'

const TCP = { kind: 'tcp', host: '127.0.0.1', port: 1 } as const
const behind = (...trustedProxies: string[]) => createClientAddress({ trustedProxies, listen: TCP })

describe('the client', () => {
  test('is the peer while no proxy is trusted, whatever it claims', () => {
    expect(behind()('203.0.113.9', '1.1.1.1')).toBe('203.0.113.9')
    expect(behind('10.0.0.0/8')('203.0.113.9', '1.1.1.1')).toBe('203.0.113.9')
  })

  test('is the rightmost hop that is no trusted proxy', () => {
    const client = behind('10.0.0.0/8', '127.0.0.1/32')
    expect(client('127.0.0.1', '203.0.113.9')).toBe('203.0.113.9')
    expect(client('127.0.0.1', '6.6.6.6, 203.0.113.9')).toBe('203.0.113.9')
    expect(client('127.0.0.1', '6.6.6.6, 203.0.113.9, 10.1.2.3')).toBe('203.0.113.9')
    expect(client('127.0.0.1', '10.9.9.9, 10.1.2.3')).toBe('10.9.9.9')
    expect(client('127.0.0.1', null)).toBe('127.0.0.1')
  })

  test('is the last hop that could be read', () => {
    const client = behind('10.0.0.0/8')
    expect(client('10.0.0.1', 'unknown')).toBe('10.0.0.1')
    expect(client('10.0.0.1', '203.0.113.9, garbage, 10.0.0.2')).toBe('10.0.0.2')
    expect(client('10.0.0.1', '')).toBe('10.0.0.1')
    expect(client('10.0.0.1', '7')).toBe('10.0.0.1')
  })

  test('may be written with a port, in brackets, or as IPv4 in IPv6', () => {
    const client = behind('10.0.0.0/8', '::1/128')
    expect(client('::ffff:10.0.0.1', '203.0.113.9:4711')).toBe('203.0.113.9')
    expect(client('::1', '[2001:db8::7]:4711')).toBe('2001:db8::7')
    expect(client('::1', '::ffff:203.0.113.9')).toBe('203.0.113.9')
  })

  test('behind a unix socket is what the peer says, for that peer is trusted', () => {
    const client = createClientAddress({
      trustedProxies: [],
      listen: { kind: 'unix', path: '/run/x' },
    })
    expect(client(undefined, '6.6.6.6, 203.0.113.9')).toBe('203.0.113.9')
    expect(client(undefined, null)).toBe('unknown')
  })

  test('without any address is unknown, not trusted', () => {
    expect(behind('0.0.0.0/0')(undefined, '203.0.113.9')).toBe('unknown')
    expect(behind('0.0.0.0/0')('garbage', '203.0.113.9')).toBe('unknown')
  })
})

test('an IPv6 client is counted by its /64, an IPv4 one by itself', () => {
  expect(rateKey('2001:db8:1:2:3:4:5:6')).toBe(rateKey('2001:db8:1:2::9'))
  expect(rateKey('2001:db8:1:2::9')).not.toBe(rateKey('2001:db8:1:3::9'))
  expect(rateKey('203.0.113.9')).toBe('203.0.113.9')
  expect(rateKey('unknown')).toBe('unknown')
})
