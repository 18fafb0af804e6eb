import type { Wire } from './wire.ts'

/**
 * Bytes received on a socket, and bytes that the kernel has taken. Of one huge write the kernel takes
 * a part at a time, which libuv's queue shows (net.Socket's bytesWritten counts what it was given).
 */
export function bytesMoved({
  bytesRead = 0,
  bytesWritten = 0,
  writableLength = 0,
  _handle,
}: Wire['stream']): number {
  const queued = _handle?.writeQueueSize ?? 0
  return bytesRead + bytesWritten - Math.max(writableLength > 0 ? queued : 0, 0)
}
