// Forms, urlencoded and multipart. The argument is the content type.
'use strict'
const flat = require('../flat')

exports.querystring = () => {
  const querystring = require('node:querystring')
  return body => flat(querystring.parse(body.toString()))
}

exports.urlsearchparams = () => body => [...new URLSearchParams(body.toString())].map(([k, v]) => [[k], v])

exports.qs = () => {
  const qs = require('qs')
  return body => flat(qs.parse(body.toString(), { allowPrototypes: true, depth: 32 }))
}

exports.qs_dots = () => {
  const qs = require('qs')
  return body => flat(qs.parse(body.toString(), { allowDots: true, plainObjects: true, parseArrays: false }))
}

exports.busboy = contentType => {
  const busboy = require('busboy')
  return body => new Promise(resolve => {
    const found = []
    const b = busboy({ headers: { 'content-type': contentType } })
    b.on('field', (name, value) => found.push([[name], value]))
    b.on('file', (name, stream) => {
      stream.on('data', piece => found.push([[name], piece.toString()]))
    })
    b.on('close', () => resolve(found))
    b.on('error', () => resolve(found))
    b.end(body)
  })
}

exports.formidable = contentType => {
  const { Readable } = require('node:stream')
  const { Formidable } = require('formidable')
  return body => new Promise(resolve => {
    const found = []
    const form = new Formidable()
    form.onPart = part => {
      let text = ''
      part.on('data', piece => { text += piece })
      part.on('end', () => found.push([[part.name], text]))
    }
    const request = Readable.from([body])
    request.headers = { 'content-type': contentType, 'content-length': body.length }
    form.parse(request, () => resolve(found.filter(([[name]]) => name !== null)))
  })
}
