// Protobuf. The argument is a file with a descriptor set.
'use strict'
const fs = require('node:fs')

exports.dynamic = file => {
  const protobuf = require('protobufjs')
  const descriptor = require('protobufjs/ext/descriptor')
  const root = protobuf.Root.fromDescriptor(descriptor.FileDescriptorSet.decode(fs.readFileSync(file)))
  root.resolveAll()
  const user = root.lookupType('test.User')
  return body => values(root, user, user.decode(body), [])
}

function values (root, type, message, path) {
  const kind = type.fullName.replace('.google.protobuf.', '')
  if (kind === 'Any') {
    const inner = root.lookupType((message.type_url ?? message.typeUrl).replace(/.*\//, ''))
    return values(root, inner, inner.decode(message.value), path)
  }
  if (kind === 'StringValue' || kind === 'BytesValue') return [[path, text(message.value)]]
  return type.fieldsArray.flatMap(field => {
    const value = message[field.name]
    if (value === undefined || value === null || !Object.hasOwn(message, field.name)) return []
    const own = step(kind, path, field.name)
    const one = (v, at) => field.resolvedType instanceof type.constructor ? values(root, field.resolvedType, v, at) : [[at, text(v)]]
    if (field.map) return Object.entries(value).flatMap(([k, v]) => one(v, [...own, k]))
    if (field.repeated) return value.flatMap((v, i) => one(v, [...own, i]))
    return one(value, own)
  })
}

// step is the path of a field: what Struct and Value hold has the place of their own.
function step (kind, path, name) {
  return kind === 'Struct' || kind === 'Value' || kind === 'ListValue' ? path : [...path, name]
}

function text (value) {
  return value instanceof Uint8Array ? Buffer.from(value).toString() : String(value)
}
