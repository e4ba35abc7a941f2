// Reads bodies as applications do, one way for each process. See reader.py, which
// has the same usage and frames. A way may return a promise.
'use strict'

console.warn = () => {} // papaparse talks about headers

const canary = 'CANARY'

async function main () {
  const [module, way] = process.argv[2].split('.')
  const read = await require('./ways/' + module)[way](process.argv[3])
  let rest = Buffer.alloc(0)
  for await (const piece of process.stdin) {
    rest = Buffer.concat([rest, piece])
    let at = 0
    const replies = []
    while (rest.length >= at + 4 && rest.length >= at + 4 + rest.readUInt32BE(at)) {
      const end = at + 4 + rest.readUInt32BE(at)
      let found = []
      try {
        found = await read(rest.subarray(at + 4, end))
      } catch {} // the application has read nothing
      at = end
      const reply = Buffer.from(JSON.stringify(found.filter(([, value]) => value.includes(canary))))
      const head = Buffer.alloc(4)
      head.writeUInt32BE(reply.length)
      replies.push(head, reply)
    }
    rest = rest.subarray(at)
    process.stdout.write(Buffer.concat(replies))
  }
}

main()
