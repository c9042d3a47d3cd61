package engine

import "context"

func IsLocal(e Engine) bool {
	l, ok := e.(interface{ Local() bool })
	return !ok || l.Local()
}
func SelfOf(ctx context.Context, e Engine) (*Self, error) {
	if f, ok := e.(interface {
		Self(context.Context) (*Self, error)
	}); ok {
		return f.Self(ctx)
	}
	return nil, nil
}
func CopierOf(c Container) (Copier, bool) { x, ok := c.(Copier); return x, ok }
