// Package mimetype guesses the type of a file's content from its name, as Python's module mimetypes does, and so as the AWS CLI
// does. The system's own mime.types files count too.
package mimetype
