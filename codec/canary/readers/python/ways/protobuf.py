"""Protobuf. The argument is a file with a descriptor set."""

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

from flat import flat, text


def dynamic(file):
    pool = descriptor_pool.DescriptorPool()
    with open(file, "rb") as f:
        for d in descriptor_pb2.FileDescriptorSet.FromString(f.read()).file:
            pool.Add(d)

    def type_named(name):
        return message_factory.GetMessageClass(pool.FindMessageTypeByName(name))

    def values(m, path):
        kind = m.DESCRIPTOR.full_name
        if kind == "google.protobuf.Any":
            yield from values(type_named(m.type_url.rpartition("/")[2]).FromString(m.value), path)
        elif kind in ("google.protobuf.Struct", "google.protobuf.Value", "google.protobuf.ListValue"):
            yield from flat(json_format.MessageToDict(m), path)
        elif kind.startswith("google.protobuf."):
            yield path, text(m.value)
        else:
            for field, value in m.ListFields():
                yield from field_values(field, value, (*path, field.name))

    def field_values(field, value, path):
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            for k in value:
                yield from one(value[k], (*path, str(k).lower() if isinstance(k, bool) else str(k)))
        elif field.is_repeated:
            for i, v in enumerate(value):
                yield from one(v, (*path, i))
        else:
            yield from one(value, path)

    def one(value, path):
        return values(value, path) if hasattr(value, "DESCRIPTOR") else [(path, text(value))]

    user = type_named("test.User")
    return lambda body: values(user.FromString(body), ())
