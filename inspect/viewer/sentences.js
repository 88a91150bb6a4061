/* Remarks as sentences: a rule's text, with what stands in braces filled in. */
'use strict';

(function () {

    /* "kept, {a:bytes}, for {other}" → ["kept, ", "4 MiB", ", for ", {ref}]: strings, and references to values.
     * An input or a state has no number: {other} is its name then, the remark's text. What else is in braces stays as it
     * is. */
    function sentence(text, remark) {
        const parts = [];
        let from = 0;
        for (const match of text.matchAll(/\{(other|value|a|b|text)(?::(\w+))?\}/g)) {
            if (match.index > from) parts.push(text.slice(from, match.index));
            parts.push(filled(match[1], match[2], remark));
            from = match.index + match[0].length;
        }
        if (from < text.length) parts.push(text.slice(from));
        return parts;
    }

    function filled(name, unit, remark) {
        switch (name) {
            case 'a':
            case 'b': return vitc.units.of(unit, remark[name]);
            case 'text': return remark.text;
            default: return remark[name] >= 0 ? {kind: 'value', id: remark[name]} : remark.text || 'nothing';
        }
    }

    /* The same as text alone. */
    function sentenceText(text, remark) {
        return sentence(text, remark).map(part => typeof part === 'string' ? part : '%' + part.id).join('');
    }

    /* The same as nodes of the page; `name(ref)` is what a value is called. */
    function sentenceNodes(text, remark, name) {
        return sentence(text, remark).map(part => typeof part === 'string' ? part : vitc.link(part, name(part)));
    }

    vitc.sentence = sentence;
    vitc.sentenceText = sentenceText;
    vitc.sentenceNodes = sentenceNodes;
})();
