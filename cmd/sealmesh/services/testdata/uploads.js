// A legacy service in Express that takes uploads. It knows nothing of sealmesh.
// Usage: uploads.js PORT
const crypto = require('crypto')
const busboy = require('busboy')
const express = require('express')
const multer = require('multer')

const app = express()
const uploads = [] // the database

const hash = (b) => crypto.createHash('sha256').update(b).digest('hex')
const describe = (name, file, type, b) => ({ name, file, type, bytes: b.length, sha256: hash(b), text: b.length < 4096 ? b.toString() : undefined })

function save(res, fields, files) {
  uploads.push({ fields, files })
  res.status(201).json({ id: uploads.length, fields, files: files.map((f) => ({ ...f, text: undefined })) })
}

// Multer reads names in brackets as objects.
app.post(['/uploads', '/clear/uploads'], multer({ storage: multer.memoryStorage() }).any(), (req, res) => {
  save(res, req.body, req.files.map((f) => describe(f.fieldname, f.originalname, f.mimetype, f.buffer)))
})

// Busboy gives each part as it comes.
app.post('/parts', (req, res) => {
  const fields = {}, files = []
  const reader = busboy({ headers: req.headers })
  reader.on('field', (name, value) => { fields[name] = value })
  reader.on('file', (name, stream, info) => {
    const chunks = []
    stream.on('data', (c) => chunks.push(c))
    stream.on('end', () => files.push(describe(name, info.filename, info.mimeType, Buffer.concat(chunks))))
  })
  reader.on('close', () => save(res, fields, files))
  req.pipe(reader)
})

app.post('/forms', express.urlencoded({ extended: true }), (req, res) => save(res, req.body, []))

// Sends the client to a page whose address has the number.
app.post('/orders', express.urlencoded({ extended: true }), (req, res) => res.redirect(303, '/orders?ssn=' + req.body.ssn))
app.get('/orders', (req, res) => res.json({ asked: req.query.ssn }))

app.get('/uploads', (req, res) => res.json(uploads))

app.listen(Number(process.argv[2]), '127.0.0.1')
