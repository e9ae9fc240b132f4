// The program that js-debug debugs in the tests.
const { spawnSync } = require('node:child_process');

function answer() {
  const value = 42;
  const text = `answer ${value}`;
  console.log(text); // line 7
  return text;
}

for (const name of ['FROM_POD', 'FROM_USER', 'BOTH', 'GONE']) {
  console.log(`env ${name}=${process.env[name]}`);
}
if (process.env.APP_CHILD && !process.env.IS_CHILD) {
  const child = spawnSync(process.execPath, [__filename], { env: { ...process.env, IS_CHILD: '1' }, stdio: 'inherit' });
  console.log(`the child has ended with ${child.status}`);
} else {
  answer();
}
process.exit(3);
