package api

import "slices"

// Reasons explains every reason, in the order of docs/problems.md, which is made from it.
var Reasons = slices.Concat(readingReasons, togetherReasons, setReasons)

// readingReasons are about what is read, and about one object by itself.
var readingReasons = []ReasonInfo{
	{
		ReasonFileUnreadable, groupFiles,
		"A file or directory cannot be read, for example for lack of permission or because a symbolic link leads nowhere or in a circle. What checks manifests offline (validate, diff, explain, translate, test) does not follow links out of the given paths and the Git work tree that they are in, nor to what Git keeps there, since a report would show lines of files that are not theirs. The objects that were read from it before stay in effect.",
		"Make the file readable to the user that gateway-cp runs as, or repair or remove the link. A link that leads outside: copy what it leads to, give that as a path, or leave the link out with --exclude (bazel-*, for example).",
	},
	{
		ReasonFileTooLarge, groupFiles,
		"A file is larger than gateway-cp reads (16 MiB). It is skipped; the objects that were read from it before stay in effect.",
		"Split the file into smaller ones.",
	},
	{
		ReasonNoObjects, groupFiles,
		"What validate was given has no objects at all, such as an empty directory or only hidden files, so that nothing was checked. Standard input without a single character is an error: most often the command before it in the pipe has failed.",
		"Check the paths, and that the command before the pipe succeeds (set -o pipefail). Where nothing is as it should be, --severity NoObjects=off says so.",
	},
	{
		ReasonInvalidYAML, groupFiles,
		"A document is not well-formed YAML or JSON, its aliases expand to too much, or a field has a value of another type than the kind asks for. The document is skipped; when it held an object before, that object's last good version stays in effect.",
		"Correct the document at the line that is given. Strings that look like numbers, such as \"1.10\" or \"yes\", must be quoted.",
	},
	{
		ReasonUnknownField, groupFiles,
		"An object has a field that its kind does not have. Most often it is misspelt or indented wrongly, and what was meant would silently not happen; so the object is not taken, and its last good version stays in effect.",
		"Use the name that is suggested, move the field to where it belongs, or remove it.",
	},
	{
		ReasonUnknownKind, groupFiles,
		"An object is of a kind, or in a version of a kind, that gateway-cp does not read, such as a Deployment. It is ignored, which is fine when other software reads it. validate knows the kinds of Kubernetes, of the Gateway API and those that have a CRD; in their groups, a kind that there is not is an error.",
		"Nothing, if the object is meant for other software. Otherwise correct apiVersion and kind.",
	},
	{
		ReasonRemovedAPIVersion, groupFiles,
		"An object is written in an apiVersion that Kubernetes, or the CRD of its kind, does not serve any more. An API server refuses it.",
		"Write it in the apiVersion that the hint names. Fields may have moved: the Kubernetes deprecation guide (https://kubernetes.io/docs/reference/using-api/deprecation-guide/) says how.",
	},
	{
		ReasonDeprecatedAPIVersion, groupFiles,
		"An object is written in an apiVersion, or is of a kind, that is deprecated. It still works, until a later version of Kubernetes or of the CRD takes it away.",
		"Write it in the apiVersion, or as the kind, that the hint names.",
	},
	{
		ReasonDuplicateObject, groupFiles,
		"The same object (kind, namespace and name) is written in more than one place, so it is not clear which one is meant. The place that came first stays in effect, also over a restart; where both are new, the first in the order of paths and lines is. The problem is at the other place and names both. validate tells of every kind, serve of those that it reads.",
		"Remove or rename one of the two.",
	},
	{
		ReasonSourceHeld, groupFiles,
		"Most objects vanished from the source in one step (more than half of at least 10, or all of at least 3), or its directory is gone, as it happens when a volume is not mounted or a checkout goes wrong. Of an API server, objects count that it lists no more and that were not seen to be deleted, as after a restored backup. The last state is held and stays in effect.",
		"Bring the objects back, or confirm with gateway-cp fleet confirm that they are meant to be gone.",
	},
	{
		ReasonLastGoodInEffect, groupFiles,
		"The object as it is written now has an error, and an earlier version without errors is in effect instead.",
		"Correct the error that is reported beside this one. The new version takes effect at once.",
	},
	{
		ReasonInvalidSuppression, groupFiles,
		"A comment gateway-cp:ignore, or the annotation gateway-cp.io/ignore, names a reason that does not exist or that cannot be ignored, or does not say why the problem is fine. It has no effect.",
		"Write the name of the reason and a few words why: `# gateway-cp:ignore SelectorMatchesNone its Pods are not in Git`.",
	},
	{
		ReasonUnusedSuppression, groupFiles,
		"A comment gateway-cp:ignore, or the annotation gateway-cp.io/ignore, is about a problem that is not there: not in the document, the next line or the line that it belongs to, or not any more. It would hide the problem should it come back.",
		"Remove the comment, or move it: over the first line of the document, alone over the line, or to its end.",
	},
	{
		ReasonSourceUnavailable, groupServer,
		"The Kubernetes API server has not answered for some seconds, or refuses to list or watch the kinds that are named. What it said last stays in effect, and Envoys go on; changes are not seen.",
		"Check that the server runs and can be reached from gateway-cp, and that the role of its ServiceAccount permits get, list and watch. It is tried again every few seconds.",
	},
	{
		ReasonStatusNotWritten, groupServer,
		"The Kubernetes API server refuses what gateway-cp writes into the status of objects of a kind. Traffic is not concerned; conditions, addresses of load balancers and where rollouts stand are not shown in the cluster.",
		"Permit get of the objects and patch of their status to the ServiceAccount of gateway-cp, as deploy/kubernetes/base/rbac.yaml does, or say --write-status=false. It is tried again after half a minute at the latest.",
	},
	{
		ReasonKindNotInstalled, groupServer,
		"The Kubernetes API server does not know a kind that gateway-cp reads: its CRD is not installed. Everything else works.",
		"Nothing, if you do not use the kind. Otherwise install its CRD: that of the Gateway API, or those in deploy/crds. Objects are read as soon as it is there.",
	},
	{
		ReasonInvalidField, groupObject,
		"A field has a value that is out of range, of the wrong form, or in conflict with another field of the same object. As an error, the object is not taken and its last good version stays in effect; as a warning, the field has no effect or most likely not the one that was meant.",
		"Change the field as the problem's hint says.",
	},
	{
		ReasonMissingField, groupObject,
		"A field that is needed is not there or empty. As an error, the object is not taken and its last good version stays in effect; as a warning, the object has no effect without it.",
		"Add the field.",
	},
	{
		ReasonInvalidName, groupObject,
		"A name of an object, label, port or namespace is not one that Kubernetes allows. Names become parts of DNS names, so upper case, '_' and long names cannot be used.",
		"Rename it: lower-case letters, digits and '-', beginning and ending with a letter or digit. Change what refers to it as well.",
	},
	{
		ReasonInvalidCertificate, groupObject,
		"A Secret of type kubernetes.io/tls does not hold a certificate and key that Envoy can use: one is missing, cannot be parsed, is too weak, or they do not belong together. The Secret's last good version stays in effect, and no other listener suffers.",
		"Put the PEM certificate chain (the server's own certificate first) into tls.crt and its unencrypted PEM key into tls.key; use RSA with at least 2048 bits, ECDSA (P-256, P-384 or P-521) or Ed25519. `openssl x509 -noout -pubkey` of the certificate and `openssl pkey -pubout` of the key must print the same.",
	},
	{
		ReasonInvalidRegex, groupObject,
		"A regular expression is not valid RE2, which is what Envoy matches with. RE2 has no look-around and no back-references, so that its running time stays linear. The object is not taken; its last good version stays in effect.",
		"Write the expression in RE2 syntax (https://github.com/google/re2/wiki/Syntax). It is compared with the whole text, so no '^' and '$' are needed.",
	},
	{
		ReasonInvalidWeights, groupObject,
		"The shares of a Rollout do not sum to exactly 100 or are not in steps of 0.01, or a weight of a backendRef is out of range. The object is not taken; the traffic stays where it is.",
		"Change the shares so that they sum to 100. Write decimals as strings, such as \"99.95\". Weights of backendRefs are from 0 to 1000000 and need not sum to anything.",
	},
	{
		ReasonUnsupportedField, groupObject,
		"The field is valid, but gateway-cp does not do yet what it asks for. As an error, ignoring it would be unsafe (a filter that keeps requests out, for example): a rule of a route that needs it answers with status 500, as the Gateway API asks, while its other rules work; any other object has no effect, and its last good version stays. As a warning, the object works without it.",
		"Remove the field, or use what the hint names instead.",
	},
}

// Explain gives what is known about a reason. It is false for a reason that does not exist.
func Explain(reason Reason) (ReasonInfo, bool) {
	for _, info := range Reasons {
		if info.Reason == reason {
			return info, true
		}
	}
	return ReasonInfo{}, false
}
