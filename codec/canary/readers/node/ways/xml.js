// XML, by local names.
'use strict'
const flat = require('../flat')

exports.fast = () => {
  const { XMLParser } = require('fast-xml-parser')
  const parser = new XMLParser({ ignoreAttributes: false, attributeNamePrefix: '@', removeNSPrefix: true, parseTagValue: false })
  return body => named(parser.parse(body.toString()))
}

exports.xml2js = () => {
  const { Parser, processors } = require('xml2js')
  const strip = processors.stripPrefix
  const settings = { async: false, mergeAttrs: true, charkey: '#text', tagNameProcessors: [strip], attrNameProcessors: [strip, name => '@' + name] }
  return body => {
    let found = []
    new Parser(settings).parseString(body, (_, value) => { found = named(value) })
    return found
  }
}

// named returns the scalars in a value, by names alone.
function named (value) {
  return flat(value).map(([path, v]) => [path.filter(k => typeof k === 'string' && k !== '#text'), v])
}
