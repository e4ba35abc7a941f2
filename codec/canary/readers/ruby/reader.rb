# Reads bodies as applications do, one way for each process. See reader.py, which
# has the same usage and frames.
require 'csv'
require 'json'
require 'rack'
require 'rexml/document'
require 'stringio'

CANARY = 'CANARY'

def flat(value, path, found)
  case value
  when Hash
    if value[:tempfile] # an upload of Rack
      flat(value[:tempfile].read, path, found)
    else
      value.each { |name, member| flat(member, path + [name.to_s], found) }
    end
  when Array then value.each_with_index { |element, i| flat(element, path + [i], found) }
  else
    text = value.to_s.dup.force_encoding('UTF-8').scrub
    found << [path.map { |p| p.is_a?(String) ? p.dup.force_encoding('UTF-8').scrub : p }, text] if text.include?(CANARY)
  end
end

def element(e, path, found)
  path += [e.name]
  flat(e.texts.map(&:value).join, path, found)
  flat(e.text, path, found)
  e.attributes.each_attribute { |a| flat(a.value, path + ["@#{a.name}"], found) }
  e.elements.each { |child| element(child, path, found) }
end

WAYS = {
  'form' => lambda { |body, found|
    env = { 'REQUEST_METHOD' => 'POST', 'CONTENT_TYPE' => ARGV[1], 'CONTENT_LENGTH' => body.bytesize.to_s, 'rack.input' => StringIO.new(body) }
    flat(Rack::Request.new(env).POST, [], found)
  },
  'json' => ->(body, found) { flat(JSON.parse(body), [], found) },
  'csv' => lambda { |body, found|
    CSV.parse(body.force_encoding('UTF-8'), headers: true).each_with_index { |row, i| flat(row.to_h, [i], found) }
  },
  'xml' => ->(body, found) { element(REXML::Document.new(body).root, [], found) }
}.freeze

$stdin.binmode
$stdout.binmode
way = WAYS.fetch(ARGV[0])
while (head = $stdin.read(4))
  body = $stdin.read(head.unpack1('N')) || ''
  found = []
  begin
    way.call(body, found)
  rescue StandardError
    # The application reads no more of the body.
  end
  reply = JSON.generate(found)
  $stdout.write([reply.bytesize].pack('N'), reply)
  $stdout.flush
end
