// test/interop/tokens.mjs: tokens by jose and jsonwebtoken, AES-256-GCM by node:crypto.
// Run by test/t/021_interop.pl; prints one line.

import { readFileSync } from 'node:fs';
import { createCipheriv, createDecipheriv, createPrivateKey, createPublicKey, randomBytes } from 'node:crypto';
import * as jose from 'jose';
import jsonwebtoken from 'jsonwebtoken';

const audience = 'authenticated';

// the newest exported key is the last of the set
const keysOf = (path) => JSON.parse(readFileSync(path, 'utf8')).keys;
const secretOf = (jwk) => Buffer.from(jwk.k, 'base64url');

// what jsonwebtoken takes as a key
const verifierOf = (jwk) => jwk.kty === 'oct' ? secretOf(jwk) : createPublicKey({ key: jwk, format: 'jwk' });
const signerOf = (jwk) => jwk.kty === 'oct' ? secretOf(jwk) : createPrivateKey({ key: jwk, format: 'jwk' });

const commands = {
	async verify(library, path, token, issuer) {
		const keys = keysOf(path);
		if (library === 'jose') {
			const { payload } = await jose.jwtVerify(token, async (header) => {
				const jwk = keys.find((key) => key.kid === header.kid);
				return jose.importJWK(jwk, jwk.alg);
			}, { issuer, audience, typ: 'JWT' });
			return payload.sub;
		}
		const { header } = jsonwebtoken.decode(token, { complete: true });
		const jwk = keys.find((key) => key.kid === header.kid);
		return jsonwebtoken.verify(token, verifierOf(jwk), { algorithms: [jwk.alg], issuer, audience }).sub;
	},

	async sign(library, path, claims, issuer) {
		const jwk = keysOf(path).at(-1);
		const payload = JSON.parse(claims);
		if (library === 'jose') {
			return new jose.SignJWT(payload)
				.setProtectedHeader({ alg: jwk.alg, kid: jwk.kid })
				.setIssuer(issuer).setAudience(audience).setIssuedAt().setExpirationTime('5m')
				.sign(await jose.importJWK(jwk, jwk.alg));
		}
		return jsonwebtoken.sign(payload, signerOf(jwk),
			{ algorithm: jwk.alg, keyid: jwk.kid, issuer, audience, expiresIn: '5m' });
	},

	// RFC 7638
	thumbprint: async (path) => jose.calculateJwkThumbprint(keysOf(path).at(-1)),

	// the ring and a key of jose's own in the place of the one that signs
	async ring(path, alg, crv) {
		const keys = keysOf(path).filter((key) => key.use !== 'sig');
		const { privateKey } = await jose.generateKeyPair(alg, { crv, extractable: true });
		const jwk = await jose.exportJWK(privateKey);
		keys.push({ ...jwk, alg, kid: `by jose ${alg} ${jwk.crv ?? ''}`, use: 'sig', state: 'current' });
		return JSON.stringify({ keys });
	},

	'verify-secret': async (library, secret, token) => jsonwebtoken.verify(token, secret, { algorithms: ['HS256'] }).sub,

	async seal(key, plaintext, aad) {
		const nonce = randomBytes(12);
		const cipher = createCipheriv('aes-256-gcm', Buffer.from(key, 'hex'), nonce);
		cipher.setAAD(Buffer.from(aad));
		return Buffer.concat([nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]).toString('hex');
	},

	async open(key, sealed, aad) {
		const bytes = Buffer.from(sealed, 'hex');
		const decipher = createDecipheriv('aes-256-gcm', Buffer.from(key, 'hex'), bytes.subarray(0, 12));
		decipher.setAAD(Buffer.from(aad));
		decipher.setAuthTag(bytes.subarray(-16));
		return Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()]).toString();
	},
};

const [command, ...rest] = process.argv.slice(2);
console.log(await commands[command](...rest));
