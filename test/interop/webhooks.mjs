// test/interop/webhooks.mjs: webhooks by node:crypto and by standardwebhooks of npm.
// Run by test/t/022_webhooks.pl with a command and its arguments, one a line, as
// standard input; payloads are base64. Prints one line.

import { createHmac, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Webhook } from 'standardwebhooks';

const bytes = (text) => Buffer.from(text, 'base64');
// what a receiver of X-Intrex-Signature is told to compute
const plain = (payload, secret) => 'sha256=' + createHmac('sha256', secret).update(bytes(payload)).digest('hex');

const commands = {
	'sign-plain': (payload, secret) => plain(payload, secret),
	'verify-plain': (payload, secret, signature) => {
		const expected = Buffer.from(plain(payload, secret));
		const given = Buffer.from(signature);
		return String(expected.length === given.length && timingSafeEqual(expected, given));
	},
	// the library takes texts
	sign: (payload, secret, id, seconds) =>
		JSON.stringify({
			'webhook-id': id,
			'webhook-timestamp': seconds,
			'webhook-signature': new Webhook(secret).sign(id, new Date(Number(seconds) * 1000), bytes(payload).toString('utf8')),
		}),
	verify: (payload, secret, headers) => {
		new Webhook(secret).verify(bytes(payload).toString('utf8'), JSON.parse(headers));
		return 'true';
	},
};

const [command, ...rest] = readFileSync(0, 'utf8').split('\n');
try {
	console.log(commands[command](...rest));
} catch (error) {
	console.log(`${error.name}: ${error.message}`);
}
