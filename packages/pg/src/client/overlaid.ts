/** An object as it is, with one property of it replaced. Its methods are called on the object itself. */
export function overlaid<T extends object>(under: T, name: keyof T, value: unknown): T {
  return new Proxy(under, {
    get: (target, key) => {
      if (key === name) return value
      const own: unknown = Reflect.get(target, key)
      return typeof own === 'function' ? own.bind(target) : own
    },
    set: (target, key, given) => Reflect.set(target, key, given),
  })
}
