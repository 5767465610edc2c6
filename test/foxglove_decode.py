"""What a Foxglove client makes of a message: read by the schema that is sent along."""

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory


def message_class(schema: bytes, name: str) -> Any:
    """The class of a message by its FileDescriptorSet and its full name."""
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(schema).file:
        pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(name))


def decoded(message: Any) -> Any:
    schema = type(message).get_schema()
    return message_class(schema.data, schema.name).FromString(message.encode())
