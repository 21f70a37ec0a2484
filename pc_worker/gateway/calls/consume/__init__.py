"""The Consume call: acknowledged delivery with credit."""
