import { expect, test } from 'bun:test'
import { createPolicy } from '../../src/oauth/policy.ts'

const policy = createPolicy({
  publicUrl: 'https://mcp.example.org',
  forgejoUrl: 'https://git.example.org/forge',
  forgejoScopes: ['read:user', 'write:repository'],
})

test('every URL comes from the public URL, without a trailing slash on the issuer', () => {
  expect(policy.issuer).toBe('https://mcp.example.org')
  expect(policy.resource).toBe('https://mcp.example.org/mcp')
  expect(policy.callbackUrl).toBe('https://mcp.example.org/oauth/callback')
})

test('supported scopes are the configured ones and the reading that each writing implies', () => {
  expect([...policy.scopesSupported].sort()).toEqual([
    'read:repository',
    'read:user',
    'write:repository',
  ])
  expect(policy.defaultScopes).toEqual(['read:user', 'write:repository'])
})

test('a request that names no scope we know gets the configured ones', () => {
  for (const requested of [undefined, '', '  ', 'openid profile email', 'READ:USER', 'write:admin'])
    expect(policy.selectScopes(requested)).toEqual(['read:user', 'write:repository'])
})

test('a request gets the scopes it names that we know, and unknown words are ignored', () => {
  expect(policy.selectScopes('offline_access read:repository read:user read:user')).toEqual([
    'read:user',
    'read:repository',
  ])
})

test('the default cannot be changed through what selectScopes gives back', () => {
  policy.selectScopes(undefined).push('write:admin')
  expect(policy.selectScopes(undefined)).toEqual(['read:user', 'write:repository'])
})

test('a resource parameter means ours with or without a trailing slash, and no other', () => {
  expect(policy.isOurResource('https://mcp.example.org/mcp')).toBe(true)
  expect(policy.isOurResource('https://mcp.example.org/mcp/')).toBe(true)
  for (const other of [
    'https://mcp.example.org',
    'https://mcp.example.org/mcp//',
    'https://mcp.example.org/MCP',
    'http://mcp.example.org/mcp',
    'https://mcp.example.org/mcp?x',
    'https://git.example.org/mcp',
    '',
  ])
    expect(policy.isOurResource(other)).toBe(false)
})
