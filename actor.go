package houvast

// An Actor is who did something, as the audit log names them: "user:<name>", "key:<name>",
// "cli:<uid>", or "system:<room>" for what a task did by itself.
type Actor string

// SystemActor names a part of Houvast that acted by itself.
func SystemActor(room string) Actor { return Actor("system:" + room) }
