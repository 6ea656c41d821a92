/*
 * What is read out of X.509 certificates: names, and the hash that ties a login to its channel.
 * Pure functions, called by tls.c and stream_tls.c; own nothing.
 */
#include <string.h>

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "net/tls_internal.h"

/*
 * The hash of the certificate's own signature, but SHA-256 for MD5 and SHA-1; a signature that
 * uses no hash or several has none (RFC 5929 section 4.1).
 */
static const EVP_MD *end_point_hash(const X509 *certificate)
{
	int hash = NID_undef;

	if (!X509_get_signature_info((X509 *)certificate, &hash, NULL, NULL, NULL))
		return NULL;
	if (hash == NID_undef)
		return NULL;
	if (hash == NID_md5 || hash == NID_sha1)
		return EVP_sha256();
	return EVP_get_digestbynid(hash);
}

size_t certificate_end_point(const X509 *certificate, uint8_t out[TLS_END_POINT_MAX])
{
	const EVP_MD *hash = end_point_hash(certificate);
	unsigned len = 0;

	if (!hash || EVP_MD_get_size(hash) > TLS_END_POINT_MAX)
		return 0;
	return X509_digest(certificate, hash, out, &len) == 1 ? len : 0;
}

enum result certificate_common_name(const X509 *certificate, struct buffer *out)
{
	X509_NAME *subject = X509_get_subject_name(certificate);
	int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
	unsigned char *text = NULL;
	enum result result = BROKEN;
	int len;

	if (at < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, at) >= 0)
		return AGAIN;
	len = ASN1_STRING_to_UTF8(&text,
				  X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
	/* "admin\0.example.com" must not be taken for admin. */
	if (len >= 0 && !memchr(text, '\0', (size_t)len)) {
		buffer_append(out, text, (size_t)len);
		result = out->failed ? BROKEN : OK;
	}
	OPENSSL_free(text);
	return result;
}

static bool has_common_name(const X509 *certificate, struct slice name)
{
	struct buffer found = BUFFER_EMPTY;
	bool same = certificate_common_name(certificate, &found) == OK &&
		    slice_equal(buffer_slice(&found), name);

	buffer_release(&found);
	return same;
}

static GENERAL_NAMES *alternative_names(const X509 *certificate)
{
	return X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
}

static bool has_dns_name(const X509 *certificate, struct slice name)
{
	GENERAL_NAMES *names = alternative_names(certificate);
	bool found = false;

	for (int i = 0; i < sk_GENERAL_NAME_num(names) && !found; i++) {
		const GENERAL_NAME *one = sk_GENERAL_NAME_value(names, i);
		struct slice text;

		if (one->type != GEN_DNS)
			continue;
		text.data = (const char *)ASN1_STRING_get0_data(one->d.dNSName);
		text.len = (size_t)ASN1_STRING_length(one->d.dNSName);
		found = slice_equal(text, name);
	}
	GENERAL_NAMES_free(names);
	return found;
}

bool certificate_has_name(const X509 *certificate, struct slice name)
{
	return has_common_name(certificate, name) || has_dns_name(certificate, name);
}

bool certificate_is_only_named(const X509 *certificate, struct slice name)
{
	GENERAL_NAMES *names = alternative_names(certificate);
	bool alone = names == NULL;

	GENERAL_NAMES_free(names);
	return alone && has_common_name(certificate, name);
}
