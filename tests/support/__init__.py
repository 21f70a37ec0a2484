"""What tests share: real stacks, frames, and waiting for conditions."""
