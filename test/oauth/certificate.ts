import { createPrivateKey, generateKeyPairSync, sign } from 'node:crypto'

/** A self-signed certificate for one host name, made on the spot: no key is kept in the repository. */
export interface Certificate {
  cert: string
  key: string
}

const tlv = (tag: number, ...parts: Uint8Array[]): Buffer => {
  const body = Buffer.concat(parts)
  const size = body.length
  const length = size < 128 ? [size] : size < 256 ? [0x81, size] : [0x82, size >> 8, size & 0xff]
  return Buffer.concat([Buffer.from([tag, ...length]), body])
}
const sequence = (...parts: Uint8Array[]) => tlv(0x30, ...parts)
const oid = (hex: string) => tlv(0x06, Buffer.from(hex, 'hex'))
const time = (text: string) => tlv(0x18, Buffer.from(text))
const octets = (...parts: Uint8Array[]) => tlv(0x04, ...parts)

const pem = (label: string, der: Uint8Array) =>
  `-----BEGIN ${label}-----\n${Buffer.from(der)
    .toString('base64')
    .replace(/.{64}(?=.)/g, '$&\n')}\n-----END ${label}-----\n`

/** Makes a P-256 certificate for `host`, signed by itself (RFC 5280 §4.1), good until 2099. */
export function selfSigned(host: string): Certificate {
  const pair = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'der' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  })
  const ecdsaSha256 = sequence(oid('2a8648ce3d040302'))
  const name = sequence(tlv(0x31, sequence(oid('550403'), tlv(0x0c, Buffer.from(host)))))
  const altName = sequence(oid('551d11'), octets(sequence(tlv(0x82, Buffer.from(host)))))
  const isCa = sequence(oid('551d13'), octets(sequence(tlv(0x01, Buffer.from([0xff])))))
  const body = sequence(
    tlv(0xa0, tlv(0x02, Buffer.from([2]))),
    tlv(0x02, Buffer.from([1])),
    ecdsaSha256,
    name,
    sequence(time('20200101000000Z'), time('20990101000000Z')),
    name,
    pair.publicKey,
    tlv(0xa3, sequence(altName, isCa)),
  )
  const signature = sign('sha256', body, createPrivateKey(pair.privateKey))
  const der = sequence(body, ecdsaSha256, tlv(0x03, Buffer.from([0]), signature))
  return { cert: pem('CERTIFICATE', der), key: pair.privateKey }
}
